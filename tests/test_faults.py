"""Each of the planted faults is seen by a test."""

import plant_faults


def test_planted_faults_are_seen(capsys):
    plant_faults.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == [
        fault.name for fault in plant_faults.FAULTS
    ]

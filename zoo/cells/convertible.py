"""Weights to and from Keras and PyTorch, for the cells that both of them have."""

from typing import Any

import keras
import numpy as np

from zoo.cells.cell import Cell


class ConvertibleCell(Cell):
    """A cell that Keras and PyTorch have too. A subclass says how its gates and arguments map."""

    # The Keras cell with the same weights in the same order, None if there is none.
    keras_cell: Any = None
    # The torch.nn layer, and the places that its gates have among this cell's.
    torch_layer: str | None = None
    torch_order: tuple[int, ...] = ()

    @classmethod
    def from_keras(cls, layer):
        """Returns the cell that equals one of Keras, with its weights if it is built.

        Args:
            layer: the Keras cell, or a layer that holds it: `keras.layers.LSTM`, or
                `keras.layers.RNN` over a cell.

        Raises:
            ValueError: if that is another cell, or has constraints on its weights.
        """
        other = getattr(layer, "cell", layer)
        if cls.keras_cell is None or not isinstance(other, cls.keras_cell):
            raise ValueError(f"layer: {cls.__name__} has no equal in {layer!r}")
        config = other.get_config()
        constrained = [key for key in config if "constraint" in key and config[key] is not None]
        if constrained:
            raise ValueError(f"layer: {cls.__name__} has no constraints, got {constrained}")
        cell = cls(**cls._arguments_of_keras(config))
        if other.built:
            cell.build((None, other.kernel.shape[0]))
            cell.set_weights(other.get_weights())
        return cell

    def to_keras(self):
        """Returns the Keras cell that equals this one, with its weights if it is built.

        Raises:
            ValueError: if Keras's cell cannot have the activations of this one.
        """
        if self.keras_cell is None:
            raise ValueError(f"Keras has no cell that equals {type(self).__name__}")
        config = self._keras_arguments(self.get_config())
        other = self.keras_cell(**{key: config[key] for key in self._shared(config)})
        if self.built:
            other.build((None, self.kernel.shape[0]))
            other.set_weights(self.get_weights())
        return other

    @classmethod
    def from_torch(cls, module):
        """Returns the cell that equals a PyTorch module, with its weights.

        Args:
            module: the layer of `torch.nn`, of one layer and direction, or the cell.

        Raises:
            ValueError: if that is another module, deeper, bidirectional, or has a projection.
        """
        names = (cls.torch_layer, f"{cls.torch_layer}Cell")
        if cls.torch_layer is None or type(module).__name__ not in names:
            raise ValueError(f"module: {cls.__name__} has no equal in {module!r}")
        weights = {
            name.removesuffix("_l0"): weight.detach().cpu().numpy()
            for name, weight in module.named_parameters()
        }
        known = {"weight_ih", "weight_hh"} | ({"bias_ih", "bias_hh"} if module.bias else set())
        if weights.keys() != known:
            raise ValueError(
                f"module must have one layer, one direction and no projection, got {module!r}"
            )
        cell = cls(module.hidden_size, use_bias=module.bias, **cls._arguments_of_torch(module))
        cell.build((None, module.input_size))
        values = [cls._reordered(weights[name].T) for name in ("weight_ih", "weight_hh")]
        if module.bias:
            biases = [cls._reordered(weights[name]) for name in ("bias_ih", "bias_hh")]
            values.append(cls._bias_of_torch(*biases))
        cell.set_weights(values)
        return cell

    def to_torch(self):
        """Returns a `torch.nn` layer of one layer, batch first, with the weights of this cell.

        Raises:
            ValueError: if the cell is not built, or PyTorch cannot have its activations.
        """
        import torch

        if self.torch_layer is None:
            raise ValueError(f"PyTorch has no layer that equals {type(self).__name__}")
        if not self.built:
            raise ValueError(f"to_torch needs a cell that is built, {self.name!r} is not")
        layer = getattr(torch.nn, self.torch_layer)(
            self.kernel.shape[0],
            self.units,
            bias=self.use_bias,
            batch_first=True,
            **self._torch_arguments(),
        )
        kernel, recurrent_kernel, *bias = map(self._reordered, self.get_weights())
        values = {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent_kernel.T}
        if bias:
            values["bias_ih_l0"], values["bias_hh_l0"] = self._torch_biases(bias[0])
        with torch.no_grad():
            for name, value in values.items():
                getattr(layer, name).copy_(torch.from_numpy(np.array(value)))
        return layer

    @classmethod
    def _shared(cls, config):
        """The arguments among a config's that Keras's cell and this one both have."""
        return cls.keras_cell(1).get_config().keys() & cls(1).get_config().keys() & config.keys()

    @classmethod
    def _arguments_of_keras(cls, config):
        return {key: config[key] for key in cls._shared(config)}

    @classmethod
    def _keras_arguments(cls, config):
        return config

    @classmethod
    def _arguments_of_torch(cls, module):
        return {}

    def _torch_arguments(self):
        """The arguments of the torch.nn layer; the activations that it has are fixed."""
        for name, fixed in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
            activation = keras.activations.serialize(getattr(self, name))
            if activation != fixed:
                raise ValueError(
                    f"torch.nn.{self.torch_layer} has {name}={fixed!r} alone, got {activation!r}"
                )
        return {}

    @classmethod
    def _reordered(cls, weight):
        """Puts PyTorch's gates in this cell's order, or back: each order undoes itself."""
        gates = np.split(weight, len(cls.torch_order), axis=-1)
        return np.concatenate([gates[place] for place in cls.torch_order], axis=-1)

    @classmethod
    def _bias_of_torch(cls, bias_ih, bias_hh):
        return bias_ih + bias_hh

    @classmethod
    def _torch_biases(cls, bias):
        return bias, np.zeros_like(bias)

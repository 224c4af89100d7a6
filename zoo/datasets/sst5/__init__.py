"""The Stanford Sentiment Treebank, five classes."""

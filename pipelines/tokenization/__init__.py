"""The tokenizer: its training, its model file, and encoding through an exact cache of words."""

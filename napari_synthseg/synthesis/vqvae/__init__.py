"""Dual images learned from images and masks: VQ-VAE and PixelCNN."""

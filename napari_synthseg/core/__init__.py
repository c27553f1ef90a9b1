"""Frozen values and protocols that every other room speaks; depends on nothing of ours."""

"""What models found, looked at object by object: measured, compared with the truth, thresholded."""

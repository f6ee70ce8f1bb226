"""What training and prediction both stand on: which backend computes."""

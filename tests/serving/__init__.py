"""Deployments and the running fleet. One fleet serves all tests here, and stops after the last."""

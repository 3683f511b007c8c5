"""Remediations of what applications run on: processes, instances, capacity, disks."""

"""Where and how to compute: devices, number formats, processes that share a job."""

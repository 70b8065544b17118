"""What a host is: one file per thing that the kernel or the distribution names."""

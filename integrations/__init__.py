"""Adapters to other people's services, one file each, behind the ports of the core."""

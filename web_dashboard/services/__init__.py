"""What people can do, one service a subject. The JSON API and the pages both call these, and nothing else.

Every method takes the `Actor` first, asks for the permission it needs, and writes what it changes to the audit log.
"""

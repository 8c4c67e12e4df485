"""Supervision: what is wanted to run is compared with what is heard, and started, stopped, or started again.

`fleet.Fleet` decides, a `launching.Launcher` starts and kills, `links` takes the processes' connections, and
`hub.Live` is what is known of one session right now.
"""

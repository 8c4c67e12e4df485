"""Looks whether a file is a video, in a process of its own: what is in it may be made to break whoever reads it.

    python -m web_dashboard.video_probe FILE

prints a line of JSON: `{"seconds": 12.5, "format": "…"}`, or `{"error": "…"}`.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys

FORMATS = "mov,mp4,matroska,webm,avi,flv,mpegts,mpeg,ogg,asf"
"""Containers that are taken: none that names other files or addresses."""
_CPU = 10
_MEMORY = 2 * 1024**3


def probe(path: str) -> dict[str, object]:
    """What the file is."""
    import av

    # No protocol but the file's own: whatever the container names, nothing else is opened.
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file", "probesize": "5000000"}
    try:
        with av.open(path, options=options, metadata_errors="replace") as container:
            if not container.streams.video:
                return {"error": "there is no picture in it"}
            video = container.streams.video[0]
            if not 0 < video.width <= 8_192 or not 0 < video.height <= 8_192:
                return {"error": "its pictures have no size, or are larger than 8192 pixels"}
            next(container.decode(video))
            seconds = container.duration / av.time_base if container.duration else None
            return {"seconds": seconds, "format": container.format.name}
    except StopIteration:
        return {"error": "there is no picture in it"}
    except (av.FFmpegError, OSError, ValueError):
        return {"error": "it can't be read as one"}


def main() -> None:
    """The command."""
    with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU, _CPU))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.stdout.write(json.dumps(probe(sys.argv[1])) + "\n")


if __name__ == "__main__":
    main()

"""Light: exposure and lamps are explained, things are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from joyvl_core.codec.light import Plane, relight, relight_locally
from tests.clips.scenes import textured


def plane(seed: int = 2) -> Plane:
    return cv2.cvtColor(textured((160, 90), seed), cv2.COLOR_RGB2GRAY).astype(np.float32)


@pytest.mark.parametrize("gain", [0.5, 0.8, 1.25])
@pytest.mark.parametrize("offset", [-15.0, 0.0, 20.0])
def test_another_exposure_is_explained(gain: float, offset: float):
    before = plane()
    after = np.clip(before * gain + offset, 0, 255)
    assert float(np.abs(relight(before, after) - after).mean()) < 1.0


def test_a_thing_over_a_third_of_the_picture_does_not_pull_the_light_along():
    before = plane()
    after = before * 0.8
    after[:, 50:100] = 230.0
    explained = relight(before, after)
    assert float(np.abs(explained - after)[:, :50].mean()) < 2.0
    assert float(np.abs(explained - after)[:, 50:100].mean()) > 50.0


def test_a_lamp_on_a_part_of_the_picture_is_explained_locally():
    before = plane()
    columns = np.linspace(-2.0, 2.0, 160, dtype=np.float32)
    after = before * (1.0 + 0.5 * np.exp(-(columns**2)))
    whole, local = (float(np.abs(light(before, after) - after).mean()) for light in (relight, relight_locally))
    assert local < 0.4 * whole


@pytest.mark.parametrize("level", [0.0, 128.0, 255.0])
def test_pictures_without_content_are_left_alone(level: float):
    flat = np.full((90, 160), level, np.float32)
    assert np.isfinite(relight(flat, plane())).all()
    assert np.isfinite(relight_locally(flat, plane())).all()
    assert float(np.abs(relight(flat, flat) - flat).max()) < 1.0

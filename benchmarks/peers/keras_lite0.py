"""Keras' EfficientNetB0 (Keras has no Lite) trained on TensorFlow as its user would write it; prints one JSON line.

Run by benchmarks.train_lite0 in an interpreter that has tensorflow-cpu and keras. Images are in memory, decoded, as
ours are; the augmentation is Keras' own layers, mapped in parallel; everything else is Keras' default.
"""

import argparse
import json
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers


class StepTimes(keras.callbacks.Callback):
    """Notes when each batch ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def main() -> None:
    """Train some steps and print the images per second of the median step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("images", help="uint8 (N, S, S) as .npy")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--precision", default="float32")
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    films = np.load(arguments.images, mmap_mode="r")
    rows = np.arange(arguments.batch * arguments.steps) % len(films)
    labels = keras.utils.to_categorical(rows % 3, 3)
    changes = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(12 / 360),
            layers.RandomZoom(0.2),
            layers.RandomBrightness(0.12),
            layers.RandomContrast(0.3),
        ]
    )
    data = tf.data.Dataset.from_tensor_slices((films[rows][..., None], labels)).batch(arguments.batch)
    data = data.map(lambda x, y: (changes(tf.cast(x, tf.float32), training=True), y), tf.data.AUTOTUNE)
    size = films.shape[1]
    network = keras.applications.EfficientNetB0(weights=None, input_shape=(size, size, 1), classes=3)
    network.compile(keras.optimizers.AdamW(2e-3, weight_decay=2e-2), "categorical_crossentropy", metrics=["accuracy"])
    times = StepTimes()
    network.fit(data.prefetch(tf.data.AUTOTUNE), callbacks=[times], verbose=0)
    seconds = float(np.median(np.diff(times.ends[2:])))
    print(
        json.dumps(
            {
                "images_per_second": arguments.batch / seconds,
                "parameters": network.count_params(),
                "precision": arguments.precision,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()

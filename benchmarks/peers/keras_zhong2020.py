"""The zhong2020 network trained by Keras on TensorFlow, as its user would write it; prints one JSON line.

Run by benchmarks.train_zhong2020 in an interpreter that has tensorflow-cpu and keras. Images are in memory, decoded
and scaled, as ours are; the augmentation is tf.image's, mapped in parallel; everything else is Keras' default.
"""

import argparse
import json
import time

import keras
import numpy as np
import tensorflow as tf
from keras import layers

BLOCKS = ((32, 32), (64, 64), (128, 128, 128), (128, 128, 128))


def network() -> keras.Model:
    """Return the published network, 63,148,835 parameters."""
    images = layers.Input((80, 80, 3))
    x, pooled = images, []
    for widths in BLOCKS:
        for width in widths:
            x = layers.Conv2D(width, 3, padding="same", activation="elu")(x)
        before = x
        x = layers.MaxPooling2D()(x)
        pooled.append(layers.GlobalMaxPooling2D()(x))
    hidden = layers.Concatenate()([*pooled, layers.Flatten()(before)])
    hidden = layers.Dropout(0.5)(layers.Dense(4096, activation="elu")(hidden))
    hidden = layers.Dropout(0.4)(layers.Dense(2048, activation="elu")(hidden))
    return keras.Model(images, layers.Dense(3, activation="softmax", dtype="float32")(hidden))


def augment(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Change one (80, 80, 3) image as the published recipe does."""
    image = tf.image.resize(tf.cast(image, tf.float32) / 255.0, (96, 96))
    image = tf.image.random_flip_left_right(image)
    image = tf.image.random_brightness(image, 0.1)
    image = tf.image.random_contrast(image, 0.1, 0.2)
    image = tf.image.random_saturation(image, 0.8, 1.2)
    return tf.image.random_crop(image, (80, 80, 3)), label


class StepTimes(keras.callbacks.Callback):
    """Notes when each batch ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def main() -> None:
    """Train some steps and print the median seconds of a step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--precision", default="float32")
    arguments = parser.parse_args()
    keras.mixed_precision.set_global_policy(arguments.precision)
    generator = np.random.default_rng(0)
    num = 32 * arguments.steps
    images = generator.integers(0, 256, (num, 80, 80, 3), dtype=np.uint8)
    labels = keras.utils.to_categorical(generator.integers(0, 3, num), 3)
    data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(num).map(augment, tf.data.AUTOTUNE)
    model = network()
    model.compile(
        keras.optimizers.Adam(4e-4),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.12),
        metrics=["accuracy", keras.metrics.Precision(), keras.metrics.Recall()],
    )
    times = StepTimes()
    model.fit(
        data.batch(32).prefetch(tf.data.AUTOTUNE),
        class_weight={0: 10.0, 1: 3.0, 2: 1.0},
        callbacks=[times],
        verbose=0,
    )
    steps = np.diff(times.ends[5:])
    print(
        json.dumps(
            {
                "seconds_per_step": float(np.median(steps)),
                "steps": len(steps),
                "parameters": model.count_params(),
                "precision": arguments.precision,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()

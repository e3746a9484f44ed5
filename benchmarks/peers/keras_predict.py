"""Keras' ``predict`` on images that are already arrays, with the zhong2020 network or EfficientNet-Lite0, in float32.

Run by benchmarks.in_memory in an interpreter that has tensorflow-cpu and keras. Prints its versions, and after that the
seconds of one ``predict`` of all images for every line that it reads; the graph is built before.
"""

import json
import sys
import time

import keras
import keras_zhong2020
import numpy as np
import tensorflow as tf
from keras import layers

# widening, channels, blocks, stride, kernel (M. Tan and Q. Le, arXiv:1905.11946; the Lite release leaves out squeezing)
LITE0 = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


def normed(x: tf.Tensor, *, is_active: bool = True) -> tf.Tensor:
    """Normalise a batch, and apply ReLU6 if active."""
    x = layers.BatchNormalization()(x)
    return layers.ReLU(6.0)(x) if is_active else x


def lite0(size: int, channels: int) -> keras.Model:
    """Return EfficientNet-Lite0 for three classes."""
    images = layers.Input((size, size, channels))
    x = normed(layers.Conv2D(32, 3, 2, padding="same", use_bias=False)(images))
    for widening, width, num_blocks, stride, kernel in LITE0:
        for number in range(num_blocks):
            entry, inside = x, x.shape[-1] * widening
            if widening > 1:
                x = normed(layers.Conv2D(inside, 1, use_bias=False)(x))
            steps = stride if number == 0 else 1
            x = normed(layers.DepthwiseConv2D(kernel, steps, padding="same", use_bias=False)(x))
            x = normed(layers.Conv2D(width, 1, use_bias=False)(x), is_active=False)
            x = layers.Add()([entry, x]) if number else x
    x = normed(layers.Conv2D(1280, 1, use_bias=False)(x))
    return keras.Model(images, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def main() -> None:
    """Predict once a line."""
    path, name, channels, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    images = np.repeat(np.load(path)[..., None], channels, axis=-1)
    network = keras_zhong2020.network() if name == "zhong2020" else lite0(images.shape[1], channels)
    network.predict(images[: 2 * batch], batch_size=batch, verbose=0)
    told = {"tensorflow": tf.__version__, "keras": keras.__version__, "parameters": network.count_params()}
    print(json.dumps(told), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        network.predict(images, batch_size=batch, verbose=0)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()

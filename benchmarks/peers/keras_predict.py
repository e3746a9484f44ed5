"""Keras' ``predict`` with the zhong2020 network on films that are already arrays; prints one JSON line.

Run by benchmarks.predict_throughput in an interpreter that has tensorflow-cpu and keras.
"""

import json
import sys
import time

import numpy as np
from keras_zhong2020 import network


def main() -> None:
    """Predict twice, the first time to build the graph, and print the films a second of the second."""
    num_films, batch = int(sys.argv[1]), int(sys.argv[2])
    model = network()
    images = np.zeros((num_films, 80, 80, 3), np.float32)
    model.predict(images[: 2 * batch], batch_size=batch, verbose=0)
    start = time.perf_counter()
    model.predict(images, batch_size=batch, verbose=0)
    print(json.dumps({"films_per_second": num_films / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()

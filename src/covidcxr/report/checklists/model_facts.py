"""Facts about the network, its training and how to get it."""

from __future__ import annotations

from covidcxr.core.notice import NOTICE
from covidcxr.core.version import release
from covidcxr.report.checklists.fact import Fact, fact
from covidcxr.report.study import Study


@fact
def technology(study: Study) -> Fact:
    """Return the kind of technology."""
    info = study.info
    value = (
        f"Deep learning: a convolutional neural network, {info.network.name}, with "
        f"{info.network.num_parameters:,} parameters."
    )
    return Fact(value=value, source="bundle.json: network")


@fact
def intended_use(study: Study) -> Fact:
    """Return what it is for."""
    return Fact(
        value=f"{NOTICE} The network names one of {', '.join(study.info.classes)} for a frontal chest radiograph.",
        source="bundle.json: notice, classes",
    )


@fact
def model(study: Study) -> Fact:
    """Return the architecture."""
    info = study.info
    options = ", ".join(f"{key} = {value}" for key, value in info.network.options.items()) or "no options"
    value = (
        f"{info.network.name} ({options}), {info.network.num_parameters:,} parameters, input {info.preprocess.size} x "
        f"{info.preprocess.size} x {info.preprocess.channels}, one probability for each of {', '.join(info.classes)}."
    )
    return Fact(value=value, source="bundle.json: network, preprocess, classes")


@fact
def software(study: Study) -> Fact:
    """Return software and versions."""
    packages = dict(study.provenance).get("Packages", "")
    return Fact(value=f"covidcxr {release()}; {packages}.", source="report.json: provenance")


@fact
def training_data(study: Study) -> Fact | None:
    """Return what the network was trained on, as its bundle carries it; None if it does not."""
    if study.recipe is None:
        return None
    listing = "; ".join(f"{source}: {', '.join(labels)}" for source, labels in study.recipe.dataset.take.items())
    digest = study.info.dataset_digest[:12] or "not recorded"
    return Fact(
        value=f"The network was trained on dataset {digest}: {listing}.",
        source="bundle.json: dataset_digest, recipe.dataset.take",
    )


@fact
def initialisation(study: Study) -> Fact | None:
    """Return how training began; None if no artefact tells."""
    if study.recipe is None:
        return None
    weights = study.recipe.network.weights
    value = (
        f"Pretrained weights '{weights}'." if weights else f"Random, seed {study.recipe.training.seed}; no pretraining."
    )
    return Fact(value=value, source="bundle.json: recipe.network.weights, recipe.training.seed")


@fact
def training(study: Study) -> Fact | None:
    """Return how it was trained; None if no artefact tells."""
    if study.recipe is None:
        return None
    training = study.recipe.training
    optimizer, loss = training.optimizer, training.loss
    augment = ", ".join(f"{key} {value}" for key, value in training.augment.model_dump(mode="json").items() if value)
    value = (
        f"{training.epochs} epochs at batch {training.batch_size}, {optimizer.name} at {optimizer.learning_rate}, "
        f"schedule {training.schedule.name}, label smoothing {loss.label_smoothing}, class weights "
        f"{loss.class_weights or 'equal'}; augmentation: {augment or 'none'}. "
        f"Trained in {study.info.history.seconds:.0f} s on {study.info.history.device}."
    )
    return Fact(value=value, source="bundle.json: recipe.training, history")


@fact
def selection(study: Study) -> Fact | None:
    """Return which epoch was kept, and why; None if no artefact tells."""
    history = study.info.history
    if not history.epochs:
        return None
    how = ""
    if study.recipe is not None:
        best = f"the best of {history.epochs} epochs on the validation part"
        how = f": {best if study.recipe.training.early_stopping else f'the last of {history.epochs} epochs'}"
    return Fact(
        value=f"Epoch {history.kept_epoch}{how}. The validation part was {history.validation_split}.",
        source="bundle.json: history",
    )


@fact
def ensemble(study: Study) -> Fact:
    """Return that one network answers."""
    return Fact(value="None: one network, one pass.", source="bundle.json: network")


@fact
def imbalance(study: Study) -> Fact | None:
    """Return how class imbalance was met; None if no artefact tells."""
    if study.recipe is None:
        return None
    training = study.recipe.training
    value = (
        f"Class weights {training.loss.class_weights or 'equal'}, sampling '{training.sampling}'. Balanced accuracy is "
        "reported beside accuracy."
    )
    return Fact(value=value, source="bundle.json: recipe.training")


@fact
def output(study: Study) -> Fact:
    """Return what it gives out."""
    thresholds = ", ".join(f"{label} from {value:.3f}" for label, value in study.info.thresholds.items())
    rule = f"thresholds: {thresholds}" if thresholds else "the most probable class is named"
    return Fact(
        value=f"A probability for each of {', '.join(study.info.classes)}; {rule}.",
        source="bundle.json: classes, thresholds",
    )


@fact
def protocol(study: Study) -> Fact | None:
    """Return where every setting is written down; None if no artefact tells."""
    if not study.info.recipe:
        return None
    return Fact(
        value=f"The resolved recipe '{study.info.name}' holds every setting; dataset, bundle and report carry it.",
        source="bundle.json: recipe",
    )


@fact
def availability(study: Study) -> Fact:
    """Return where software, model and data are."""
    facts = study.main.dataset
    data = f"compiled from its sources by the recipe that dataset.json carries, digest {facts.digest[:12]}"
    where = "dataset.json: digest, recipe"
    if facts.recipe is None:
        data = f"a folder that was read where it lies, digest {facts.digest[:12]}"
        where = "report.json: datasets[0].digest"
    value = f"Software: covidcxr {release()}, Apache-2.0. Model: bundle {study.bundle_id}. Data: {data}."
    return Fact(value=value, source=f"bundle.json: release; SHA256SUMS; {where}")


@fact
def poor_input(study: Study) -> Fact:
    """Return what happens to an input that cannot be read."""
    return Fact(
        value="A file that cannot be read gets no label but a named reason; it is counted and in no number.",
        source="report.json: cohorts[0].notes",
    )

"""CLAIM 2024: which fact answers which of its 44 items. The items' wording is ours."""

from __future__ import annotations

from covidcxr.report.checklists.guideline import Guideline, Item

_COMPILED = "a dataset that was compiled by recipe"
_WHOLE_BUNDLE = "a bundle with its recipe and history"

CLAIM = Guideline(
    name="CLAIM-2024",
    title="CLAIM 2024",
    citation="A. S. Tejani et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update. "
    "Radiology: Artificial Intelligence 6(4), e240300, 2024.",
    items=(
        Item("1", "Title and abstract", "says that it is a study of AI, and of which technology", "technology"),
        Item("2", "Title and abstract", "summary of design, methods, results and conclusion", "summary"),
        Item("3", "Introduction", "background, intended use, role of the AI", "intended_use", "background"),
        Item("4", "Introduction", "aims and hypotheses", "aim"),
        Item("5", "Study design", "prospective or retrospective", "design"),
        Item("6", "Study design", "goal of the study", "goal"),
        Item("7", "Data", "sources of the data", "data_sources populations training_data"),
        Item("8", "Data", "inclusion and exclusion criteria", "eligibility", add=_COMPILED),
        Item("9", "Data", "preprocessing", "preprocessing"),
        Item("10", "Data", "choice of parts of the data", "subsets", add=_COMPILED),
        Item("11", "Data", "de-identification", "deidentification"),
        Item("12", "Data", "handling of missing data", "missing_data"),
        Item("13", "Data", "image acquisition", "acquisition", "acquisition"),
        Item("14", "Reference standard", "how the reference standard was obtained", "reference"),
        Item("15", "Reference standard", "why this reference standard", "tested", "reference"),
        Item("16", "Reference standard", "who annotated", "annotators", "annotators", whole=True),
        Item("17", "Reference standard", "how the test set was annotated", "annotators", "annotators", whole=True),
        Item(
            "18",
            "Reference standard",
            "variability between and within readers",
            "one_reading",
            "second_reading",
            whole=True,
        ),
        Item("19", "Data partitions", "how data were assigned to partitions", "partition", add=_COMPILED),
        Item("20", "Data partitions", "the level at which partitions are disjoint", "disjoint", add=_COMPILED),
        Item("21", "Testing data", "intended sample size", "sample_size", add="an interval of the sensitivity"),
        Item("22", "Model", "description of the model", "model"),
        Item("23", "Model", "software and versions", "software"),
        Item("24", "Model", "initial parameters", "initialisation", add=_WHOLE_BUNDLE),
        Item("25", "Training", "training, augmentation, hyperparameters", "training", add=_WHOLE_BUNDLE),
        Item("26", "Training", "how the final model was chosen", "selection", add=_WHOLE_BUNDLE),
        Item("27", "Training", "ensembling", "ensemble"),
        Item("28", "Evaluation", "metrics", "metrics"),
        Item("29", "Evaluation", "significance and uncertainty", "uncertainty"),
        Item("30", "Evaluation", "robustness or sensitivity analysis", "robustness", add="covidcxr evaluate --audit"),
        Item(
            "31",
            "Evaluation",
            "explainability, and how it was checked",
            "explainability",
            add="covidcxr evaluate --audit, covidcxr explain",
        ),
        Item("32", "Evaluation", "evaluation on internal data", "internal", add="the network's own dataset"),
        Item("33", "Evaluation", "testing on external data", "external", add="an external cohort"),
        Item("34", "Evaluation", "registration of a clinical trial", author="registration"),
        Item("35", "Results", "patients and images included and excluded", "flow eligibility"),
        Item("36", "Results", "demographic and clinical make-up of each partition", "characteristics"),
        Item("37", "Results", "performance on every partition", "all_partitions", add=_WHOLE_BUNDLE),
        Item("38", "Results", "diagnostic accuracy with its precision", "accuracy"),
        Item("39", "Results", "failures", "failures"),
        Item("40", "Discussion", "limitations", "limitations", add="the limitations"),
        Item("41", "Discussion", "implications for practice", "implications"),
        Item("42", "Other information", "the full protocol", "protocol", add=_WHOLE_BUNDLE),
        Item("43", "Other information", "availability of software, model and data", "availability"),
        Item("44", "Other information", "funding, and the funders' role", author="funding"),
    ),
)

"""CLAIM 2024: which fact answers which of its 44 items. The items' wording is ours."""

from __future__ import annotations

from covidcxr.pipeline.evidence.guideline import Guideline, Item

CLAIM = Guideline(
    name="CLAIM-2024",
    title="CLAIM 2024",
    citation="A. S. Tejani et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update. "
    "Radiology: Artificial Intelligence 6(4), e240300, 2024.",
    items=(
        Item("1", "Title and abstract", "says that it is a study of AI, and of which technology", "technology"),
        Item("2", "Title and abstract", "summary of design, methods, results and conclusion", "summary"),
        Item(
            "3",
            "Introduction",
            "background, intended use, role of the AI",
            "intended_use",
            add="the clinical background",
        ),
        Item("4", "Introduction", "aims and hypotheses", "aim"),
        Item("5", "Study design", "prospective or retrospective", "design"),
        Item("6", "Study design", "goal of the study", "goal"),
        Item("7", "Data", "sources of the data", "data_sources populations"),
        Item("8", "Data", "inclusion and exclusion criteria", "eligibility"),
        Item("9", "Data", "preprocessing", "preprocessing"),
        Item("10", "Data", "choice of parts of the data", "subsets"),
        Item("11", "Data", "de-identification", "deidentification"),
        Item("12", "Data", "handling of missing data", "missing_data"),
        Item("13", "Data", "image acquisition", "acquisition", add="scanners and exposure, where the sources tell"),
        Item("14", "Reference standard", "how the reference standard was obtained", "reference"),
        Item(
            "15", "Reference standard", "why this reference standard", add="the reason for trusting the sources' labels"
        ),
        Item("16", "Reference standard", "who annotated", "annotators"),
        Item("17", "Reference standard", "how the test set was annotated", "annotators"),
        Item(
            "18",
            "Reference standard",
            "variability between and within readers",
            add="a second reading of the test images",
        ),
        Item("19", "Data partitions", "how data were assigned to partitions", "partition"),
        Item("20", "Data partitions", "the level at which partitions are disjoint", "disjoint"),
        Item("21", "Testing data", "intended sample size", "sample_size"),
        Item("22", "Model", "description of the model", "model"),
        Item("23", "Model", "software and versions", "software"),
        Item("24", "Model", "initial parameters", "initialisation"),
        Item("25", "Training", "training, augmentation, hyperparameters", "training"),
        Item("26", "Training", "how the final model was chosen", "selection"),
        Item("27", "Training", "ensembling", "ensemble"),
        Item("28", "Evaluation", "metrics", "metrics"),
        Item("29", "Evaluation", "significance and uncertainty", "uncertainty"),
        Item("30", "Evaluation", "robustness or sensitivity analysis", "robustness"),
        Item(
            "31",
            "Evaluation",
            "explainability, and how it was checked",
            "",
            add="covidcxr explain and audit",
        ),
        Item("32", "Evaluation", "evaluation on internal data", "internal"),
        Item("33", "Evaluation", "testing on external data", "external", add="an external cohort"),
        Item("34", "Evaluation", "registration of a clinical trial", add="a registration, or that there is none"),
        Item("35", "Results", "patients and images included and excluded", "flow eligibility"),
        Item("36", "Results", "demographic and clinical make-up of each partition", "characteristics"),
        Item("37", "Results", "performance on every partition", "all_partitions"),
        Item("38", "Results", "diagnostic accuracy with its precision", "accuracy"),
        Item("39", "Results", "failures", "failures"),
        Item("40", "Discussion", "limitations", "limitations"),
        Item("41", "Discussion", "implications for practice", "implications"),
        Item("42", "Other information", "the full protocol", "protocol"),
        Item("43", "Other information", "availability of software, model and data", "availability"),
        Item("44", "Other information", "funding, and the funders' role", add="the funding"),
    ),
)

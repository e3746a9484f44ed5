"""TRIPOD+AI: which fact answers which of its 52 items and sub-items. The items' wording is ours."""

from __future__ import annotations

from covidcxr.pipeline.evidence.guideline import Guideline, Item

TRIPOD_AI = Guideline(
    name="TRIPOD-AI",
    title="TRIPOD+AI",
    citation="G. S. Collins et al. TRIPOD+AI statement. BMJ 385, e078378, 2024.",
    items=(
        Item(
            "1", "Title", "says that a prediction model is developed or evaluated, for whom and what", "technology aim"
        ),
        Item("2", "Abstract", "structured summary", "summary"),
        Item("3a", "Introduction", "clinical context and reason for the model", add="the clinical context"),
        Item("3b", "Introduction", "target population and intended use", "intended_use", add="the target population"),
        Item(
            "3c", "Introduction", "known health inequalities", add="what is known of inequalities in chest radiography"
        ),
        Item("4", "Introduction", "objectives", "aim"),
        Item(
            "5a", "Methods: data", "sources of the data and why they represent the target", "data_sources populations"
        ),
        Item("5b", "Methods: data", "dates of the data", add="the dates of acquisition, which the sources rarely give"),
        Item("6a", "Methods: participants", "setting and centres", "populations"),
        Item("6b", "Methods: participants", "eligibility", "eligibility"),
        Item(
            "6c", "Methods: participants", "treatments received", add="that treatments are unknown, or which they were"
        ),
        Item("7", "Methods: data preparation", "preparation and quality checks", "preprocessing"),
        Item("8a", "Methods: outcome", "the outcome and how it was assessed", "reference"),
        Item("8b", "Methods: outcome", "who assessed it", "annotators"),
        Item("8c", "Methods: outcome", "blinding of the assessment", add="whether readers knew the clinical picture"),
        Item("9a", "Methods: predictors", "choice of predictors", "intended_use", add="why the film alone is used"),
        Item("9b", "Methods: predictors", "the predictors and how they were measured", "acquisition preprocessing"),
        Item("9c", "Methods: predictors", "who assessed subjective predictors", "model"),
        Item("10", "Methods: sample size", "how the sample size was arrived at", "sample_size"),
        Item("11", "Methods: missing data", "handling of missing data", "missing_data"),
        Item("12a", "Methods: analysis", "use of the data, partitions", "partition disjoint"),
        Item("12b", "Methods: analysis", "handling of predictors in the analysis", "preprocessing"),
        Item(
            "12c",
            "Methods: analysis",
            "type of model, building steps, tuning, internal validation",
            "model training selection",
        ),
        Item("12d", "Methods: analysis", "differences between centres", "differences"),
        Item("12e", "Methods: analysis", "measures and plots of performance", "metrics uncertainty calibration"),
        Item("12f", "Methods: analysis", "updating of the model", "calibration"),
        Item("12g", "Methods: analysis", "how predictions were calculated", "output preprocessing"),
        Item("13", "Methods: class imbalance", "handling of class imbalance", "imbalance"),
        Item("14", "Methods: fairness", "approaches to fairness", "fairness"),
        Item("15", "Methods: model output", "the output and any thresholds", "output"),
        Item(
            "16",
            "Methods: training and evaluation",
            "differences between development and evaluation data",
            "differences",
        ),
        Item("17", "Methods: ethics", "ethical approval", add="the approval, or why none was needed"),
        Item("18a", "Open science", "funding", add="the funding"),
        Item("18b", "Open science", "conflicts of interest", add="the conflicts of interest"),
        Item("18c", "Open science", "protocol", "protocol"),
        Item("18d", "Open science", "registration", add="a registration, or that there is none"),
        Item("18e", "Open science", "availability of the data", "availability data_sources"),
        Item("18f", "Open science", "availability of the code", "availability"),
        Item("19", "Patient and public involvement", "involvement, or that there was none", add="the involvement"),
        Item("20a", "Results: participants", "flow of participants", "flow"),
        Item("20b", "Results: participants", "characteristics", "characteristics"),
        Item(
            "20c",
            "Results: participants",
            "comparison of evaluation and development data",
            "characteristics differences",
        ),
        Item("21", "Results: model development", "participants and outcomes in each analysis", "events"),
        Item("22", "Results: model specification", "the full model, and how to get it", "model availability"),
        Item("23a", "Results: performance", "performance with intervals, in key subgroups too", "accuracy fairness"),
        Item("23b", "Results: performance", "differences between centres", "robustness"),
        Item("24", "Results: updating", "results of updating", "calibration"),
        Item("25", "Discussion", "interpretation, fairness included", "implications"),
        Item("26", "Discussion", "limitations", "limitations"),
        Item("27a", "Discussion: usability", "poor or missing input at use", "poor_input"),
        Item(
            "27b",
            "Discussion: usability",
            "the user's part and expertise",
            "intended_use",
            add="who would use it, and how",
        ),
        Item("27c", "Discussion: usability", "next steps", "implications"),
    ),
)

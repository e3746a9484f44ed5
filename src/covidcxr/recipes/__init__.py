"""The recipes shipped with covidcxr, one TOML file each."""

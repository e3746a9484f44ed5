"""How the networks that ship with the package are trained; recipes' networks are trained by `covidcxr.training`."""

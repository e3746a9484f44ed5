"""How the classifier of views, which screens images, is fitted."""

"""Select: finds the backbone to tune on a data set."""

from semtune.callable_package import make_callable

make_callable(__name__)

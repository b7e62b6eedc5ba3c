"""Select: which backbone is to be tuned on this data?"""

from semtune.callable_package import make_callable

make_callable(__name__)

"""The one way to give up: a line that says what is wrong and what to do."""


class Failure(Exception):
    """Something the person at the keyboard has to know. Printed as one line, without a traceback."""

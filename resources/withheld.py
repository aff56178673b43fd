"""Messages of exceptions, kept out of logs: each may quote a value that not every reader may see.

    java.lang.NumberFormatException: Mrs Smith       the name of a class that says what it is
    [CAST_INVALID_INPUT] The value 'Mrs Smith' …     an error class of Spark
    pyarrow.lib.ArrowInvalid: … 'Mrs Smith'          a class of a Python module, whatever its name

Classes, error classes and frames stay; the job's report says what may be said. What stands before a
message is written once, for Python, which looks at one line, and for log4j, which looks at the text
of an event with its exception.

The hazard is an expression that Java reads otherwise than Python. So there is nothing in it in
which they differ, and no group repeats, which on a long text would overflow Java's stack.
"""

from __future__ import annotations

import re

_BEFORE = (
    r"((?:Exception|Error): "
    r"|\[[A-Z]+_[A-Z_.0-9]+\] "
    r"|(?<!\S)[A-Za-z_0-9.]+[.][A-Z][A-Za-z_0-9]*: )"
)
_INSTEAD = "(message withheld)"
_MESSAGE = re.compile(_BEFORE + r"[\s\S]*")
# A pattern of log4j's layouts.
WITHOUT_VALUES = rf"%replace{{%m%n%ex}}{{{_BEFORE}[^\n]*}}{{$1{_INSTEAD}}}"


def without_values(line: str) -> str:
    """A line of a log without the message of an exception."""
    return _MESSAGE.sub(rf"\1{_INSTEAD}", line)

"""What the go command, gopls and VS Code printed, read back into requests and causes. Pure: text in,
findings out.

    analysis = analyse(lines)                       # a whole log
    analyser = Analyser("err.log"); analyser.feed(line); analyser.finish()   # while go runs
"""

from modgate.client.golog.analyser import Analyser, Analysis, analyse

__all__ = ["Analyser", "Analysis", "analyse"]

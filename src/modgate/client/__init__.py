"""The toolkit of the person whose go command fails: what is broken, why, with proof, and how to mend it.

`machine` reads a computer, `net` probes the way to a proxy, `golog` reads what go printed; all of them speak
of a fault as one of the causes in `causes`, so that the doctor, the trace and the log analyser name it alike.
"""

"""What the go command, gopls and VS Code printed, read back into requests and causes. Pure: text in,
findings out.
"""

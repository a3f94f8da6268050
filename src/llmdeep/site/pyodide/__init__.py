"""Python for the reader's browser: where it comes from, and the bundle the site serves.

`package.json` pins Pyodide; everything else follows from that one line. Its npm package brings the
interpreter and the standard library, and its lock file names the NumPy wheel that belongs to it,
which is not on npm: `numpy_wheel.py` looks for it, `compile_numpy.py` can make it, and
`bundle.py` turns it all into the few small files under docs/assets/python.
"""

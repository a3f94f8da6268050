"""What turns the book into a site: a Markdown extension, the build, Python for the browser."""

"""The document as HTML, PDF, Markdown and model card."""

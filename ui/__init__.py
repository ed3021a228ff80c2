"""What people and programs see: the command line, the chat page, the endpoint, the widget."""

"""What is wrong with a file: evidence, findings, the playbook."""

"""What several stores share: SQL that is written once, and the values that rows become."""

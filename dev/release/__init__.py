"""Package, deploy and remove a stage in an AWS account."""

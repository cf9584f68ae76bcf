"""The single DynamoDB table: its keys, its rows, its transactions and who may touch what."""

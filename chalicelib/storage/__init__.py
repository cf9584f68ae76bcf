"""The single DynamoDB table: its keys, items and transactions, and who may read and write what."""

"""The infrastructure of the `aws` environment as code; `make infra` synthesises and checks it."""

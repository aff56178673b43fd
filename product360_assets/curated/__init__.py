"""The published tables: what the business reads about products, customers and sales."""

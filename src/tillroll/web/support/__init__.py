"""What every page needs: the request's context, forms, error pages, response headers and text formatting."""

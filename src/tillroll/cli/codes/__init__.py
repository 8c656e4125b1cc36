"""`tillroll codes`, `drift` and `adopt`: codes and the store's coupons."""

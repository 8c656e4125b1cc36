"""Pictures that an e-mail carries: its code to be scanned, as a QR code or a barcode."""

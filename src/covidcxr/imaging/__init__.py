"""Any file to a Radiograph: format sniffing, DICOM photometry, preprocessing."""

//! Proof of quality: probes, AUC and KS with intervals, retrieval, report.

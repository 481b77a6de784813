"""Engines of the ECAL against events of the detailed simulation that none was trained on.

python -m lamarr.validation.ecal_engines FILES --set SET --learned-from balanced,minbias -o DIR --page docs
"""

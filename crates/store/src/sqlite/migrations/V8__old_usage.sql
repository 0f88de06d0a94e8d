-- Old days of what was asked are removed by age.
CREATE INDEX usage_day ON usage (day);

"""A recorded visit, in which a person passed the CAPTCHA once: what a site class and a spider for it look like."""

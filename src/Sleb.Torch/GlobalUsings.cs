global using static TorchSharp.torch;
global using Tensor = TorchSharp.torch.Tensor;
global using Device = TorchSharp.torch.Device;

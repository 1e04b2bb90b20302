global using static TorchSharp.torch;
global using Device = TorchSharp.torch.Device;
global using Tensor = TorchSharp.torch.Tensor;

using System.Reflection;
using Sleb.Torch.Natives;
using Sleb.Torch.Scoring;
using TorchSharp;

namespace Sleb.Cli.Doctor;

/// <summary>What searches run on.</summary>
internal sealed class TorchProbe() : LibraryProbe("torch", "TorchSharp", KnownProduct.Check)
{
    protected override LibraryReport Load()
    {
        LibTorch.EnsureLoaded();
        var arithmetic = FasterArithmetic.Measure(gpuDeviceId: null);
        return new()
        {
            Version = $"{typeof(torch).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]} with libtorch {torch.__version__}",
            Path = PathOf("torch_cpu"),
            Devices = ["cpu", .. Enumerable.Range(0, torch.cuda.is_available() ? torch.cuda.device_count() : 0).Select(id => $"cuda:{id}")],
            Arithmetic = arithmetic,
        };
    }

    protected override void Run(int? gpuDeviceId)
    {
        using var x = torch.tensor(KnownProduct.Factor, [2, 2], device: TorchDevice.Get(gpuDeviceId));
        using var product = x.mm(x);
        using var back = product.cpu();
        KnownProduct.Require(back.data<float>().ToArray());
    }
}
